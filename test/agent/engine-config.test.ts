import { chmodSync, lstatSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { placesUnder, type Places } from '../../agent/places.ts';
import { Earlier } from '../../agent/steps/earlier-file.ts';
import {
  captureEngineConfig,
  checkEngineConfig,
  putEngineConfigBack,
  withLiveRestore,
  writeLiveRestore,
} from '../../agent/steps/engine-config.ts';
import type { StepSite } from '../../agent/steps/kind.ts';
import { stepSite } from './step-site.ts';
import { write } from './test-host.ts';

describe('the setting alone', () => {
  test.each([
    ['no file', null, { 'live-restore': true }],
    ['an empty file', ' \n', { 'live-restore': true }],
    [
      'other settings',
      '{"debug": true, "log-opts": {"max-file": "2"}}',
      { debug: true, 'log-opts': { 'max-file': '2' } },
    ],
    ['the opposite', '{"live-restore": false}', {}],
  ])('%s: it is set, and all others stay', (_, config, others) => {
    expect(JSON.parse(withLiveRestore(config, true) ?? '')).toEqual({ ...others, 'live-restore': true });
  });

  test('a configuration that says so already is not written again', () => {
    expect(withLiveRestore('{"live-restore":true}', true)).toBeNull();
    expect(withLiveRestore('{"live-restore":false}', false)).toBeNull();
  });

  test.each([
    ['{"proxies": {"http-proxy": "http://me:secret@proxy"},}', /daemon\.json is not JSON/],
    ['["debug"]', /daemon\.json is JSON, but no object/],
  ])('what no engine starts with is told by its name, and none of it is quoted: %s', (config, words) => {
    const read = (): unknown => withLiveRestore(config, true);

    expect(read).toThrow(words);
    expect(read).not.toThrow(/secret/);
  });
});

describe('on a host', () => {
  let folder: string;
  let places: Places;
  let site: StepSite;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'refit-engine-config-'));
    places = placesUnder(folder);
    site = stepSite(folder, places);
    write(join(site.undoFolder, 'docker.io.deb'), 'earlier');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const file = (): string => join(folder, 'etc/docker/daemon.json');

  /** There and back, by what the journal would hold; back twice, as after a kill. */
  async function goThereAndBack(): Promise<void> {
    const earlier = Earlier.parse(JSON.parse(JSON.stringify(await captureEngineConfig(site))));
    writeLiveRestore(places, true);
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toMatchObject({ 'live-restore': true });
    putEngineConfigBack(earlier, site);
    putEngineConfigBack(earlier, site);
  }

  test('a host without a configuration has none afterwards', async () => {
    await goThereAndBack();

    expect(lstatSync(join(folder, 'etc'), { throwIfNoEntry: false })).toBeUndefined();
  });

  test('a configuration comes back byte for byte with its mode, and keeps the mode on the way', async () => {
    write(file(), '{ "debug":  true }');
    chmodSync(file(), 0o600);

    const earlier = Earlier.parse(await captureEngineConfig(site));
    writeLiveRestore(places, true);

    expect(statSync(file()).mode & 0o777).toBe(0o600);
    putEngineConfigBack(earlier, site);
    expect(readFileSync(file(), 'utf8')).toBe('{ "debug":  true }');
    expect(statSync(file()).mode & 0o777).toBe(0o600);
  });

  test('what a link leads to is read and not written: the link comes back', async () => {
    write(join(folder, 'srv/engine.json'), '{"debug":true}');
    write(join(folder, 'etc/docker/keep'), '');
    symlinkSync(join(folder, 'srv/engine.json'), file());

    await goThereAndBack();

    expect(lstatSync(file()).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(folder, 'srv/engine.json'), 'utf8')).toBe('{"debug":true}');
  });

  test('the journal gets none of its content', async () => {
    write(file(), '{"proxies":{"http-proxy":"http://me:secret@proxy"}}');

    expect(JSON.stringify(await captureEngineConfig(site))).not.toContain('secret');
  });

  test('a broken one is refused before anything of it is copied', () => {
    write(file(), '{');

    expect(() => checkEngineConfig(places)).toThrow(/not JSON/);
    expect(() => captureEngineConfig(site)).toThrow(/not JSON/);
  });
});
