/** One kernel of GRUB's menu. */
export type MenuEntry = {
  readonly kernel: string;
  /** As GRUB's environment names it; inside a submenu `submenu>entry`. */
  readonly id: string;
  readonly title: string;
};

const QUOTED = /^\s*(menuentry|submenu)\s+'([^']*)'.*?(?:\$menuentry_id_option|--id)\s+'([^']+)'.*\{\s*$/;
const LINUX = /^\s*linux(?:16|efi)?\s+\S*\/vmlinuz-(\S+)(.*)$/;
/** Of recovery entries, which start a shell instead of the host. */
const SINGLE = /\s(?:single|recovery)(?:\s|$)/;

/** Kernels in the order of the menu, as grub-mkconfig writes it; entries of other kinds are passed over. Pure. */
export function readMenu(config: string): readonly MenuEntry[] {
  const entries: MenuEntry[] = [];
  let submenu: string | null = null;
  let entry: { id: string; title: string } | null = null;
  for (const line of config.split('\n')) {
    const [, kind, title = '', id = ''] = QUOTED.exec(line) ?? [];
    if (kind === 'submenu') submenu = id;
    else if (kind === 'menuentry') entry = { title, id: submenu === null ? id : `${submenu}>${id}` };
    // grub-mkconfig closes submenus at the margin.
    else if (line === '}' && entry === null) submenu = null;
    else if (/^\s*\}\s*$/.test(line)) entry = null;
    const [, kernel, options = ''] = LINUX.exec(line) ?? [];
    if (kernel !== undefined && entry !== null && !SINGLE.test(options)) entries.push({ kernel, ...entry });
  }
  return entries;
}

/** Kernel of what a default names: by id, title or place. Pure. */
export function kernelOf(entries: readonly MenuEntry[], name: string): string | null {
  const last = name.split('>').at(-1) ?? name;
  const byName = entries.find(({ id, title }) => id === name || id.split('>').at(-1) === last || title === last);
  return byName?.kernel ?? (name === '0' ? (entries[0]?.kernel ?? null) : null);
}

/** The variables of a grubenv file: `name=value` lines in a block that is filled up with `#`. Pure. */
export function readEnvironment(block: string): ReadonlyMap<string, string> {
  const lines = block.split('\n').filter((line) => !line.startsWith('#') && line.includes('='));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}
