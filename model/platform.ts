/** What engines say of their host (`uname -m`), and what images for it say. */
const imageArchitectures: Readonly<Record<string, readonly string[]>> = {
  x86_64: ['amd64', '386'],
  aarch64: ['arm64', 'arm'],
  armv7l: ['arm'],
  armv6l: ['arm'],
  i686: ['386'],
};

/** Whether a host of that architecture runs such images by itself. An image that says none may be for any. */
export const runsImages = (host: string, image: string): boolean =>
  image === '' || image === host || (imageArchitectures[host]?.includes(image) ?? false);

/** The host's architecture in the words of images. */
export const imageArchitecture = (host: string): string => imageArchitectures[host]?.[0] ?? host;
