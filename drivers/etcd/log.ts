/** Events that explain a delay; nothing to act on. */
export type BusLog = (message: string, fields: Readonly<Record<string, string | number>>) => void;
