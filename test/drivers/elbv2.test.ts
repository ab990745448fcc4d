import {
  DescribeListenersCommand,
  DescribeRulesCommand,
  ModifyListenerCommand,
  type Action,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createElbSlots } from '../../drivers/elbv2/slots.ts';
import type { SlotBalancer } from '../../model/slot-balancer.ts';
import { containing } from '../matching.ts';
import { startElbEmulator, type ElbEmulator } from '../parts/elb-emulator.ts';
import { portOf } from '../parts/free-ports.ts';
import { startProxy } from '../parts/proxy.ts';
import { makeElbShop, makeGroup, REGION, shopOf, type ElbShop } from './elbv2-shop.ts';
import { describeSlotBalancer } from './slot-balancer-contract.ts';

let emulator: ElbEmulator;

beforeAll(async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'x');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret-of-the-test');
  vi.stubEnv('AWS_SESSION_TOKEN', 'token-of-the-test');
  emulator = await startElbEmulator(REGION);
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await emulator.close();
});

describe('AWS, as its emulator has it, as the balancer of units', () => {
  describeSlotBalancer(async () => {
    const { unit, client } = await open();
    // Away is a proxy that is closed, since the emulator's start takes seconds.
    const proxy = await startProxy(emulator.url);
    const [first] = unit.balancer.frontends;
    return {
      balancer: createElbSlots({ name: 'aws', region: REGION, endpoint: proxy.url }),
      unit,
      unknown: shopOf([elsewhere(unit.balancer.frontends[0]), elsewhere(unit.balancer.frontends[1])]),
      ask: null,
      makeHealthy: null,
      confuse: async () => {
        const actions = [{ Type: 'forward', TargetGroupArn: first.targetGroups.green } as const];
        await client.send(new ModifyListenerCommand({ ListenerArn: first.listener, DefaultActions: actions }));
      },
      restart: null,
      down: () => proxy.close(),
      close: () => proxy.close(),
    };
  });
});

describe('a cutover at AWS', () => {
  let shop: ElbShop;
  let balancer: SlotBalancer;

  beforeEach(async () => {
    shop = await open();
    balancer = createElbSlots({ name: 'aws', region: REGION, endpoint: emulator.url });
  });

  test('gives each frontend both target groups, one with all requests and one with none', async () => {
    const [web, api] = shop.unit.balancer.frontends;

    await balancer.cutOver(shop.unit, 'green');

    expect(await actionsOf(web.listener)).toMatchObject([
      { Type: 'forward', ForwardConfig: { TargetGroups: weights(web.targetGroups, { blue: 0, green: 100 }) } },
    ]);
    expect(await actionsOf(api.listener)).toMatchObject([
      { Type: 'forward', ForwardConfig: { TargetGroups: weights(api.targetGroups, { blue: 0, green: 100 }) } },
    ]);
  });

  test('changes no frontend when one of them has nothing to switch', async () => {
    const [web, api] = shop.unit.balancer.frontends;
    const answer = { StatusCode: '503', ContentType: 'text/plain' };
    const fixed = { Type: 'fixed-response', FixedResponseConfig: answer } as const;
    await modifyDefault(web.listener, [fixed]);
    const refused = { kind: 'refused', message: containing(`${web.listener} has no forward action`) };

    await expect(balancer.cutOver(shopOf([api, web]), 'green')).rejects.toMatchObject(refused);

    expect(await balancer.active(shopOf([api, api]))).toBe('unset');
    expect(await balancer.problems(shop.unit)).toEqual([
      containing(`${web.listener} has no forward action; give it one to ${web.targetGroups.blue}`),
    ]);
  });

  test('keeps how long clients are held to a target group, which is a problem of its own', async () => {
    const [web] = shop.unit.balancer.frontends;
    const held = { Enabled: true, DurationSeconds: 600 };
    const groups = [{ TargetGroupArn: shop.before }];
    await modifyDefault(web.listener, [
      { Type: 'forward', ForwardConfig: { TargetGroups: groups, TargetGroupStickinessConfig: held } },
    ]);

    expect(await balancer.problems(shop.unit)).toEqual([containing('holds clients to a target group')]);
    await balancer.cutOver(shop.unit, 'blue');

    expect(await actionsOf(web.listener)).toMatchObject([{ ForwardConfig: { TargetGroupStickinessConfig: held } }]);
  });

  test('has a problem with a target group of another network, and with one that is not there', async () => {
    const [web, api] = shop.unit.balancer.frontends;
    const network = await emulator.makeNetwork();
    const far = await makeGroup(shop.client, { name: 'far', network, address: null });
    const gone = `${web.targetGroups.blue}0`;

    const problems = await balancer.problems(shopOf([{ ...web, targetGroups: { blue: far, green: gone } }, api]));

    expect(problems).toEqual([
      containing(`target group ${far} is in ${network}, and arn:aws:elasticloadbalancing:${REGION}:`),
      containing(`expected it to describe ${gone}, got TargetGroupNotFoundException`),
    ]);
  });

  test('has a problem with a listener that is not there, which AWS names', async () => {
    const [web, api] = shop.unit.balancer.frontends;

    const problems = await balancer.problems(shopOf([{ ...web, listener: `${web.listener}0` }, api]));

    expect(problems).toEqual([
      containing(`load balancer aws in ${REGION} at ${emulator.url}: expected it to describe ${web.listener}0, got`),
    ]);
  });

  const actionsOf = async (arn: string): Promise<readonly Action[]> => {
    if (arn.includes(':listener-rule/')) {
      const { Rules } = await shop.client.send(new DescribeRulesCommand({ RuleArns: [arn] }));
      return Rules?.[0]?.Actions ?? [];
    }
    const { Listeners } = await shop.client.send(new DescribeListenersCommand({ ListenerArns: [arn] }));
    return Listeners?.[0]?.DefaultActions ?? [];
  };

  const modifyDefault = async (listener: string, actions: Action[]): Promise<unknown> =>
    shop.client.send(new ModifyListenerCommand({ ListenerArn: listener, DefaultActions: actions }));
});

describe('a failure of AWS', () => {
  test('that passes with time counts as no answer, and none that it tells has a secret in it', async () => {
    const said = 'The canonical string\nx-amz-security-token:token-of-the-test';
    for (const [status, code, kind] of [
      [503, 'ServiceUnavailable', 'unreachable'],
      [400, 'Throttling', 'unreachable'],
      [403, 'SignatureDoesNotMatch', 'refused'],
    ] as const) {
      await using answering = await answerWith(status, code, said);
      const { unit } = await open();
      const balancer = createElbSlots({ name: 'aws', region: REGION, endpoint: answering.url });

      const failure: unknown = await balancer.active(unit).catch((error: unknown) => error);

      expect(failure).toMatchObject({ name: 'LoadBalancerError', kind, message: containing(code) });
      expect(JSON.stringify(failure, Object.getOwnPropertyNames(failure))).not.toMatch(/(token|secret)-of-the-test/);
    }
  });

  test('to answer is ended by the caller, who gets the reason', async () => {
    const { unit } = await open();
    await using proxy = await startProxy(emulator.url);
    proxy.freeze();
    const ending = new AbortController();

    const asking = createElbSlots({ name: 'aws', region: REGION, endpoint: proxy.url }).active(unit, ending.signal);
    ending.abort(new Error('no longer wanted'));

    await expect(asking).rejects.toThrow('no longer wanted');
  });

  test('to be asked for want of credentials says where they may be', async () => {
    const { unit } = await open();
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined);
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nowhere/credentials');
    vi.stubEnv('AWS_CONFIG_FILE', '/nowhere/config');

    const failing = createElbSlots({ name: 'aws', region: REGION, endpoint: emulator.url }).active(unit);

    await expect(failing).rejects.toMatchObject({
      kind: 'refused',
      message: containing('no AWS credentials were found'),
    });
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'x');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret-of-the-test');
  });
});

async function open(): Promise<ElbShop> {
  await emulator.reset();
  return makeElbShop(emulator);
}

/** ARNs in the right form, of what is not there. */
const elsewhere = <Frontend extends ElbShop['unit']['balancer']['frontends'][number]>(
  frontend: Frontend,
): Frontend => ({
  ...frontend,
  listener: `${frontend.listener}0`,
  targetGroups: { blue: `${frontend.targetGroups.blue}0`, green: `${frontend.targetGroups.green}0` },
});

const weights = (
  groups: Readonly<Record<'blue' | 'green', string>>,
  of: Readonly<Record<'blue' | 'green', number>>,
): readonly unknown[] =>
  (['blue', 'green'] as const).map((slot) => ({ TargetGroupArn: groups[slot], Weight: of[slot] }));

/** AWS's form of an error, to every question. */
async function answerWith(
  status: number,
  code: string,
  said: string,
): Promise<AsyncDisposable & { readonly url: string }> {
  const server: Server = createServer((_, response) => {
    const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${said}</Message></Error>`;
    response.writeHead(status, { 'content-type': 'text/xml' });
    response.end(`<ErrorResponse>${error}<RequestId>1</RequestId></ErrorResponse>`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${portOf(server)}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
