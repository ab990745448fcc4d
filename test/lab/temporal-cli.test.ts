import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { attempt } from '../../lab/programs.ts';
import { downloadCli, ensureTemporalCli } from '../../lab/temporal-cli.ts';

let folder: string;
let server: Server;
let asked: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refit-temporal-'));
  asked = [];
});

afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

async function serve(status: number, body: Buffer): Promise<string> {
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(status).end(body);
  });
  return new Promise((resolve, reject) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('no port'));
      else resolve(`http://127.0.0.1:${address.port}/cli/archive`);
    });
  });
}

/** An archive as Temporal publishes it: the program beside a licence. */
async function archive(): Promise<Buffer> {
  const content = join(folder, 'content');
  await mkdir(content);
  await writeFile(join(content, 'temporal'), '#!/bin/sh\necho temporal of the archive\n');
  await chmod(join(content, 'temporal'), 0o755);
  await writeFile(join(content, 'LICENSE'), 'MIT');
  await promisify(execFile)('tar', ['-czf', join(folder, 'archive.tar.gz'), '-C', content, 'LICENSE', 'temporal']);
  return readFile(join(folder, 'archive.tar.gz'));
}

describe("Temporal's command line tool", () => {
  it('is unpacked from its published archive', async () => {
    const base = await serve(200, await archive());

    const program = await downloadCli(folder, base);

    expect((await attempt(program, [])).stdout).toBe('temporal of the archive');
    expect(asked[0]).toMatch(/^\/cli\/archive\/v\d+\.\d+\.\d+\?platform=\w+&arch=(amd64|arm64)$/);
  });

  it('that is not published is reported with its address', async () => {
    const base = await serve(404, Buffer.from('no such version'));

    await expect(downloadCli(folder, base)).rejects.toThrow(/\/cli\/archive\/v.* answered 404/);
  });

  it('is the one that the operator names', async () => {
    await serve(200, Buffer.from(''));
    const before = process.env['REFIT_TEMPORAL_CLI'];
    process.env['REFIT_TEMPORAL_CLI'] = '/opt/temporal';

    expect(await ensureTemporalCli(() => undefined)).toBe('/opt/temporal');

    if (before === undefined) delete process.env['REFIT_TEMPORAL_CLI'];
    else process.env['REFIT_TEMPORAL_CLI'] = before;
  });
});
