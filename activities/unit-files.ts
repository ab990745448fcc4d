import type { ContainerFile } from '../model/engine.ts';
import type { FleetUnit } from '../model/fleet.ts';
import type { UnitFile } from '../model/unit.ts';
import { wrongInput } from './failure.ts';
import type { Ports } from './ports.ts';

/** Shorter words of a file are words that any text may have: taking them out would hide nothing. */
const MIN_WORD_LENGTH = 6;
/** What stands between the words of a file: keys, JSON, lists of variables. */
const BETWEEN = /[\s"'`=:,;{}[\]()<>]+/;

type FilePorts = Pick<Ports, 'readUnitFile'>;

/** Files for one container, read now and kept nowhere. */
export async function readFiles(
  ports: FilePorts,
  { files: paths, name: unit }: FleetUnit,
  files: readonly UnitFile[],
): Promise<readonly ContainerFile[]> {
  return Promise.all(
    files.map(async ({ file, to, mode, uid, gid }) => {
      const path = paths[file];
      if (path === undefined) throw wrongInput(`the fleet file names no file ${file} for unit ${unit}`);
      return { content: await ports.readUnitFile(path), to, mode, uid, gid };
    }),
  );
}

/** What must not be in any text that is told on: every file of the unit, its lines and its words. Those that can't be read hide nothing. */
export async function secretsOf(ports: FilePorts, { files }: FleetUnit): Promise<readonly string[]> {
  const read = await Promise.all(
    Object.values(files).map(async (path) => {
      try {
        return Buffer.from(await ports.readUnitFile(path)).toString('utf8');
      } catch {
        // Preflight, or the step that needs it, names it.
        return '';
      }
    }),
  );
  return [...new Set(read.flatMap(wordsOf))];
}

const wordsOf = (text: string): readonly string[] =>
  [...text.split('\n').map((line) => line.trim()), ...text.split(BETWEEN)].filter(
    (word) => word.length >= MIN_WORD_LENGTH,
  );
