import { describe, expect, it } from 'vitest';
import { conceal } from '../../activities/conceal.ts';
import { readFiles, secretsOf } from '../../activities/unit-files.ts';
import { edgeUnit } from '../fakes/fake-units.ts';

/** The unit's files have these contents; paths of others can't be read. */
const portsOf = (contents: Readonly<Record<string, string>>) => ({
  readUnitFile: async (path: string) => {
    const found = contents[path];
    return found === undefined ? Promise.reject(new Error(`${path}: ENOENT`)) : Promise.resolve(Buffer.from(found));
  },
});
const unitOf = (contents: Readonly<Record<string, string>>) => ({
  ...edgeUnit,
  files: Object.fromEntries(Object.keys(contents).map((path) => [path.slice(1), path])),
});

/** What a text looks like once the file's secrets are out of it. */
async function told(content: string, text: string): Promise<string> {
  const contents = { '/account': content };
  return conceal(text, await secretsOf(portsOf(contents), unitOf(contents)));
}

const secrets: readonly (readonly [what: string, content: string, said: string, told: string])[] = [
  ['a line of it', 'first line\nsecond line\n', 'got "second line"', 'got "…"'],
  ['a word of JSON', '{"user":"anna","password":"correct-horse"}', 'no correct-horse', 'no …'],
  ['a value of key=value lines', 'USER=anna\nPASSWORD=correct-horse\n', 'tried correct-horse', 'tried …'],
  ['a value in quotation marks', 'PASSWORD="correct-horse"', 'tried correct-horse.', 'tried ….'],
  ['a line with other ends', 'correct-horse\r\nbattery\r\n', 'correct-horse', '…'],
  ['a value of YAML', 'password: correct-horse', "'correct-horse'", "'…'"],
];

describe('what must not be told of a unit’s files', () => {
  it.each(secrets)('is %s', async (...[, content, said, expected]) => {
    expect(await told(content, said)).toBe(expected);
  });

  it('is no short word, which any text may have', async () => {
    expect(await told('port=8080\nname=web', 'web at 8080')).toBe('web at 8080');
  });

  it('is nothing of a file that can not be read', async () => {
    expect(await secretsOf(portsOf({}), { ...edgeUnit, files: { key: '/gone' } })).toEqual([]);
  });
});

describe('files for a container', () => {
  const wanted = { file: 'key', to: '/key', mode: '0400', uid: 1, gid: 2 };

  it('have the content that they have now', async () => {
    const contents = { '/key': 'content' };

    expect(await readFiles(portsOf(contents), unitOf(contents), [wanted])).toEqual([
      { to: '/key', mode: '0400', uid: 1, gid: 2, content: Buffer.from('content') },
    ]);
  });

  it('that the fleet file does not name are wrong input', async () => {
    await expect(readFiles(portsOf({}), { ...edgeUnit, files: {} }, [wanted])).rejects.toThrow(
      'the fleet file names no file key for unit shop',
    );
  });
});
