import { createConfig, lintFromString } from '@redocly/openapi-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApi, type AnApi } from './an-api.ts';
import { operationsOf, type Operation } from './operations.ts';

let api: AnApi;
let text: string;
let operations: readonly Operation[];
beforeAll(async () => {
  api = await startApi();
  text = (await api.ask('GET', '/openapi.json', { as: null })).text;
  operations = operationsOf(text);
});
afterAll(async () => api[Symbol.asyncDispose]());

describe('the OpenAPI document', () => {
  test('has no fault in the eyes of a linter, warnings counted', async () => {
    expect(await lint(text)).toEqual([]);
  });

  test('with a fault in it is found faulty', async () => {
    const faults = await lint(text.replace('"operationId":"getFleet"', '"operationId":"listFleets"'));

    expect(faults).toEqual([expect.stringContaining('operation-operationId-unique')]);
  });

  test('is of OpenAPI 3.1, and every operation has its name, summary and tag', () => {
    expect(text).toContain('"openapi":"3.1.0"');
    expect(operations.length).toBeGreaterThanOrEqual(30);
    expect(operations.filter(({ summary, tags }) => summary === '' || tags.length !== 1)).toEqual([]);
  });

  test('says of every operation what refusals and problems it has', () => {
    const common = ['400', '401', '403', '429', '503'];

    const lacking = operations.filter(({ answers }) => !common.every((status) => answers.includes(status)));
    const posts = operations.filter(({ method }) => method === 'post');

    expect(lacking).toEqual([]);
    expect(posts.filter(({ answers }) => !['413', '415'].every((status) => answers.includes(status)))).toEqual([]);
  });

  test('lets viewers read and plan, operators change, and admins read the audit log', () => {
    const needs = (role: string): readonly string[] =>
      operations.filter((operation) => operation.role === role).map(({ id }) => id);
    const isRead = ({ method, id }: Operation): boolean => method === 'get' || id === 'plan';

    expect(needs('admin')).toEqual(['listAuditRecords']);
    expect(needs('viewer')).toEqual(
      operations.filter(isRead).flatMap(({ id }) => (id === 'listAuditRecords' ? [] : id)),
    );
    expect(needs('operator')).toEqual(operations.filter((operation) => !isRead(operation)).map(({ id }) => id));
  });

  test('has an Idempotency-Key on everything that changes something', () => {
    const changing = operations.filter(({ role }) => role === 'operator');

    expect(changing.filter(({ parameters }) => !parameters.includes('idempotency-key'))).toEqual([]);
  });

  test('names no schema that it does not use', () => {
    const { components } = JSON.parse(text) as { readonly components: { readonly schemas: object } };

    expect(Object.keys(components.schemas).filter((name) => !text.includes(`"#/components/schemas/${name}"`))).toEqual(
      [],
    );
    expect(Object.keys(components.schemas).filter((name) => name.endsWith('Input'))).toEqual([]);
  });
});

/** With all rules that are recommended. */
async function lint(source: string): Promise<readonly string[]> {
  const config = await createConfig({ extends: ['recommended'] });
  const problems = await lintFromString({ source, config, absoluteRef: '/openapi.json' });
  return problems.map(({ severity, ruleId, message }) => `${severity} ${ruleId}: ${message}`);
}
