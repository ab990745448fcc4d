import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatDuration,
  parseAmountOption,
  parseAmounts,
  parseCount,
  parseDuration,
  parseSize,
} from '../../client/cli/quantity.ts';

describe('quantities on the command line', () => {
  it.each([
    ['500ms', 500],
    ['90s', 90_000],
    ['1.5h', 5_400_000],
    [' 2m ', 120_000],
  ])('reads the time %s', (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(['', '90', '5 days', '-1s', '1e3s', '10000h'])('refuses "%s" as a time, with an example', (text) => {
    expect(() => parseDuration(text)).toThrow('Expected a time such as 500ms, 90s, 30m or 2h.');
  });

  it.each([
    ['4GiB', 4 * 1024 ** 3],
    ['4 GB', 4e9],
    ['1.5MiB', 1_572_864],
    ['17', 17],
  ])('reads the size %s', (text, bytes) => expect(parseSize(text)).toBe(bytes));

  it.each(['', 'much', '4XB', '-4GB', '99999999999GiB'])('refuses "%s" as a size, with an example', (text) => {
    expect(() => parseSize(text)).toThrow('Expected a size such as 512MiB or 4GB.');
  });

  it('reads a number of hosts and a share of the fleet', () => {
    expect(parseAmountOption('5')).toEqual({ hosts: 5 });
    expect(parseAmountOption('25%')).toEqual({ percent: 25 });
  });

  it('refuses a share beyond the whole fleet', () => {
    expect(() => parseAmountOption('101%')).toThrow('Expected a number of hosts');
  });

  it('reads wave sizes in their order', () => {
    expect(parseAmounts('1,5,25%')).toEqual([{ hosts: 1 }, { hosts: 5 }, { percent: 25 }]);
  });

  it.each(['1,0', '0%', '0'])('refuses a wave of nobody: %s', (text) => {
    expect(() => parseAmounts(text)).toThrow('A wave has at least one host.');
  });

  it.each(['1,,2', '', 'a'])('refuses "%s" as wave sizes', (text) => {
    expect(() => parseAmounts(text)).toThrow('Expected a number of hosts');
  });

  it.each(['0', '-1', '1.5', 'x'])('refuses "%s" as a count', (text) => {
    expect(() => parseCount(text)).toThrow('Expected a number of at least 1.');
  });

  it.each([
    [0, '0 ms'],
    [-5, '0 ms'],
    [850, '850 ms'],
    [12_400, '12s'],
    [59_900, '1m 0s'],
    [200_000, '3m 20s'],
    [7_500_000, '2h 5m'],
  ])('says %i ms as %s', (ms, text) => expect(formatDuration(ms)).toBe(text));

  it.each([
    [17, '17 B'],
    [39_800_000, '39.8 MB'],
    [1_200, '1.2 kB'],
    [4_294_967_296, '4.3 GB'],
  ])('says %i bytes as %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});
