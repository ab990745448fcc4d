import type { Action, TargetHealth } from '@aws-sdk/client-elastic-load-balancing-v2';
import { describe, expect, test } from 'vitest';
import { activeIn, isSticky, withActive } from '../../drivers/elbv2/actions.ts';
import { toServer } from '../../drivers/elbv2/target-health.ts';
import { web } from './slot-balancer-contract.ts';

const groups = { blue: 'arn:blue', green: 'arn:green' };

const weighted = (...of: readonly (readonly [group: string, weight: number])[]): Action => ({
  Type: 'forward',
  ForwardConfig: { TargetGroups: of.map(([TargetGroupArn, Weight]) => ({ TargetGroupArn, Weight })) },
});

describe('the active slot of a frontend', () => {
  test.each([
    ['blue', weighted(['arn:blue', 100], ['arn:green', 0])],
    ['green', weighted(['arn:blue', 0], ['arn:green', 1])],
    ['green', weighted(['arn:green', 1])],
    ['blue', { Type: 'forward', TargetGroupArn: 'arn:blue' }],
    ['mixed', weighted(['arn:blue', 99], ['arn:green', 1])],
    ['mixed', weighted(['arn:blue', 0], ['arn:green', 0])],
    ['mixed', weighted(['arn:blue', 100], ['arn:other', 1])],
    ['mixed', weighted(['arn:blue', 0], ['arn:other', 1])],
    ['unset', weighted(['arn:other', 1])],
    ['unset', { Type: 'redirect', RedirectConfig: { StatusCode: 'HTTP_301' } }],
  ] as const)('is %s by what its action says', (slot, action) => {
    expect(activeIn([action], groups)).toBe(slot);
  });
});

describe('a cutover of a frontend', () => {
  test('replaces the target groups, and nothing else of the action', () => {
    const action: Action = {
      ...{ Type: 'forward', Order: 2, TargetGroupArn: 'arn:before' },
      ForwardConfig: {
        TargetGroups: [{ TargetGroupArn: 'arn:before', Weight: 1 }],
        TargetGroupStickinessConfig: { Enabled: false },
      },
    };

    expect(withActive([action], groups, 'green')).toEqual([
      {
        ...{ Type: 'forward', Order: 2 },
        ForwardConfig: {
          TargetGroups: [
            { TargetGroupArn: 'arn:blue', Weight: 0 },
            { TargetGroupArn: 'arn:green', Weight: 100 },
          ],
          TargetGroupStickinessConfig: { Enabled: false },
        },
      },
    ]);
  });

  test('keeps that users have to log in, with the secret that AWS has and does not tell', () => {
    const oidc = {
      ...{ Issuer: 'https://id', AuthorizationEndpoint: 'https://id/a', TokenEndpoint: 'https://id/t' },
      ...{ UserInfoEndpoint: 'https://id/u', ClientId: 'shop' },
    };
    const cognito: Action = {
      ...{ Type: 'authenticate-cognito', Order: 1 },
      AuthenticateCognitoConfig: { UserPoolArn: 'arn:pool', UserPoolClientId: 'shop', UserPoolDomain: 'shop' },
    };

    const actions = withActive(
      [{ Type: 'authenticate-oidc', Order: 1, AuthenticateOidcConfig: oidc }, cognito, weighted(['arn:blue', 1])],
      groups,
      'blue',
    );

    expect(actions?.slice(0, 2)).toEqual([
      {
        ...{ Type: 'authenticate-oidc', Order: 1 },
        AuthenticateOidcConfig: { ...oidc, UseExistingClientSecret: true },
      },
      cognito,
    ]);
  });

  test('is none where nothing is forwarded', () => {
    expect(withActive([{ Type: 'redirect' }], groups, 'blue')).toBeNull();
  });

  test('leaves clients behind if a cookie holds them to a target group', () => {
    const held = (Enabled: boolean): Action => ({
      Type: 'forward',
      ForwardConfig: { TargetGroupStickinessConfig: { Enabled } },
    });

    expect([isSticky([held(true)]), isSticky([held(false)]), isSticky([weighted()])]).toEqual([true, false, false]);
  });
});

describe('a target', () => {
  test.each([
    ['ready', 'up', { State: 'healthy' }],
    ['ready', 'starting', { State: 'initial', Reason: 'Elb.InitialHealthChecking' }],
    ['ready', 'down', { State: 'unhealthy', Reason: 'Target.Timeout' }],
    ['drain', 'up', { State: 'draining' }],
    ['drain', 'down', { State: 'unhealthy.draining' }],
    // Its group is in no listener: nobody looks at it, and that is no fault of its own.
    ['ready', 'unchecked', { State: 'unused', Reason: 'Target.NotInUse' }],
    ['ready', 'down', { State: 'unused', Reason: 'Target.IpUnusable' }],
    ['ready', 'unchecked', { State: 'unavailable', Reason: 'Target.HealthCheckDisabled' }],
    ['ready', 'down', { State: 'unavailable', Reason: 'Elb.InternalError' }],
    ['ready', 'down', undefined],
  ] satisfies readonly (readonly [string, string, TargetHealth | undefined])[])(
    'is %s and %s by what AWS says: %j',
    (state, health, said) => {
      const target = { Target: { Id: '10.0.0.5', Port: 8080 }, TargetHealth: said };

      expect(toServer(web, target)).toEqual({
        ...{ service: 'web', name: '10.0.0.5:8080', address: '10.0.0.5:8080' },
        ...{ state, health, sessions: 0 },
      });
    },
  );

  test('of IPv6 has its address in brackets', () => {
    expect(toServer(web, { Target: { Id: 'fd00::5', Port: 8080 } }).address).toBe('[fd00::5]:8080');
  });
});
