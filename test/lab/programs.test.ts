import { describe, expect, it } from 'vitest';
import { attempt, call, findProgram } from '../../lab/programs.ts';

describe('a program that the lab calls', () => {
  it('answers with its output', async () => {
    expect(await call('/bin/sh', ['-c', 'cat; echo $ANSWER'], { input: 'in ', env: { ANSWER: '42' } })).toBe('in 42');
  });

  it('fails with its exit code and the end of what it said', async () => {
    await expect(call('/bin/sh', ['-c', 'seq 100; echo broken >&2; exit 3'])).rejects.toThrow(
      /\/bin\/sh -c .* ended with 3: 87\n[\s\S]*\nbroken$/,
    );
  });

  it('may fail where that is an answer', async () => {
    expect(await attempt('/bin/sh', ['-c', 'echo out; echo err >&2; exit 7'])).toEqual({
      exitCode: 7,
      stdout: 'out',
      stderr: 'err',
    });
  });

  it('is ended at its deadline', async () => {
    const { exitCode, stderr } = await attempt('/bin/sleep', ['100'], { deadlineMs: 50 });

    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(/did not end in time/);
  });

  it('is found, or not', async () => {
    expect(await findProgram('sh')).toMatch(/\/sh$/);
    expect(await findProgram('no-such-program')).toBeUndefined();
    expect((await attempt('no-such-program', [])).exitCode).not.toBe(0);
  });
});
