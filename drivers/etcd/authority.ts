import { randomBytes } from 'node:crypto';
import {
  EtcdPermissionDeniedError,
  EtcdRoleExistsError,
  EtcdRoleNotFoundError,
  EtcdRoleNotGrantedError,
  EtcdUserExistsError,
  EtcdUserNotFoundError,
  type Etcd3,
  type IPermission,
} from 'etcd3';
import { unreachable } from '../../model/assert.ts';
import { ROOT, type BusIdentity, type FoundRights, type Right, type RightsChange } from '../../model/bus-rights.ts';
import { CALL_MS, Endpoints, messageOf, withinMs, type EndpointOptions } from './endpoints.ts';

/** Users, roles and rights of an etcd. Every call can be repeated; whoever is not etcd's root is refused. */
export interface Authority {
  roleNames(): Promise<readonly string[]>;
  /** What etcd has of these identities. */
  find(identities: readonly BusIdentity[]): Promise<FoundRights>;
  apply(change: RightsChange): Promise<void>;
  /** Whether etcd checks anybody at all. */
  isEnforced(): Promise<boolean>;
  /** From now on etcd checks everybody; `root`, which it wants for this, is there afterwards. */
  enforce(): Promise<void>;
  close(): void;
}

/** etcd answered that these files are not its root's. */
export class NotRoot extends Error {
  override readonly name = 'NotRoot';
}

/** Identities that are asked for at the same time; each is two reads of one member's memory. */
const PARALLEL = 16;
/** Users and roles with these names are made once, and are gone once they were removed: a repeat finds it done. */
const DONE_ALREADY = [
  EtcdUserExistsError,
  EtcdRoleExistsError,
  EtcdUserNotFoundError,
  EtcdRoleNotFoundError,
  EtcdRoleNotGrantedError,
] as const;
/** etcd's text for a right that a role has not; the client library has no class for it. */
const NOT_GRANTED = 'permission is not granted to the role';
/** Its answer to any password as long as it checks nobody. */
const NOT_ENABLED = 'authentication is not enabled';

type AuthClient = Etcd3['auth'];
type Call<Value> = (client: AuthClient, within: ReturnType<typeof withinMs>) => Promise<Value>;

export function createAuthority(options: EndpointOptions): Authority {
  const endpoints = new Endpoints(options);
  const closing = new AbortController();
  const call = <Value>(work: Call<Value>): Promise<Value> => ask(endpoints, work, closing.signal);
  const settle = async (work: Call<unknown>): Promise<void> => {
    await call((client, within) => work(client, within).catch(passIfDone));
  };
  return {
    roleNames: async () => (await call((client, within) => client.roleList(within))).roles,
    find: (identities) => findAll(call, identities),
    apply: (change) => settle((client, within) => send(client, change, within)),
    isEnforced: () => call(probe),
    enforce: async () => {
      await settle((client, within) => client.userAdd({ name: ROOT, options: { no_password: true } }, within));
      await settle((client, within) => client.roleAdd({ name: ROOT }, within));
      await settle((client, within) => client.userGrantRole({ user: ROOT, role: ROOT }, within));
      await settle((client, within) => client.authEnable(within));
    },
    close: () => {
      closing.abort();
      endpoints.close();
    },
  };
}

/** A refusal is an answer: no other member would say anything else. */
async function ask<Value>(endpoints: Endpoints, work: Call<Value>, signal: AbortSignal): Promise<Value> {
  const answer = await endpoints.ask(async ({ client, url }) => {
    try {
      return { value: await work(client.auth, withinMs(CALL_MS)) };
    } catch (error) {
      if (error instanceof EtcdPermissionDeniedError) return { refusedBy: url, cause: error };
      throw error;
    }
  }, signal);
  if ('value' in answer) return answer.value;
  const todo = `use a client certificate with the common name ${ROOT}`;
  throw new NotRoot(`etcd at ${answer.refusedBy} lets only ${ROOT} see and change rights; ${todo}`, {
    cause: answer.cause,
  });
}

async function findAll(
  call: <Value>(work: Call<Value>) => Promise<Value>,
  identities: readonly BusIdentity[],
): Promise<FoundRights> {
  const users = new Map<string, readonly string[]>();
  const roles = new Map<string, readonly Right[]>();
  for (let first = 0; first < identities.length; first += PARALLEL) {
    const page = identities.slice(first, first + PARALLEL).map(async ({ user, role }) => {
      const has = await call((client, within) => client.userGet({ name: user }, within).catch(nullIfMissing));
      if (has !== null) users.set(user, has.roles);
      const may = await call((client, within) => client.roleGet({ role }, within).catch(nullIfMissing));
      if (may !== null) roles.set(role, may.perm.map(toRight));
    });
    await Promise.all(page);
  }
  return { users, roles };
}

function send(client: AuthClient, change: RightsChange, within: ReturnType<typeof withinMs>): Promise<unknown> {
  switch (change.change) {
    case 'addRole':
      return client.roleAdd({ name: change.role }, within);
    case 'grant':
      return client.roleGrantPermission({ name: change.role, perm: toPermission(change.right) }, within);
    case 'revoke': {
      const { key, range_end } = toPermission(change.right);
      return client.roleRevokePermission({ role: change.role, key, range_end }, within);
    }
    case 'addUser':
      // Without a password nobody logs in as this user: a certificate is the only way.
      return client.userAdd({ name: change.user, options: { no_password: true } }, within);
    case 'addToRole':
      return client.userGrantRole({ user: change.user, role: change.role }, within);
    case 'takeFromRole':
      return client.userRevokeRole({ name: change.user, role: change.role }, within);
    case 'removeUser':
      return client.userDelete({ name: change.user }, within);
    case 'removeRole':
      return client.roleDelete({ role: change.role }, within);
    default:
      return unreachable(change);
  }
}

/** etcd 3.4 has no call that says it, but it looks at passwords only where it checks anybody. */
async function probe(client: AuthClient, within: ReturnType<typeof withinMs>): Promise<boolean> {
  const password = randomBytes(16).toString('hex');
  return client.authenticate({ name: ROOT, password }, within).then(
    () => true,
    (error: unknown) => {
      const message = messageOf(error);
      if (message.includes(NOT_ENABLED)) return false;
      if (message.includes('auth: ') || message.includes('etcdserver: ')) return true;
      throw error;
    },
  );
}

function passIfDone(error: unknown): void {
  const isDone = DONE_ALREADY.some((known) => error instanceof known) || messageOf(error).includes(NOT_GRANTED);
  if (!isDone) throw error;
}

function nullIfMissing(error: unknown): null {
  if (error instanceof EtcdUserNotFoundError || error instanceof EtcdRoleNotFoundError) return null;
  throw error;
}

const ACCESS = { Read: 'read', Write: 'write', Readwrite: 'readwrite' } as const;
const PERMISSION = { read: 'Read', write: 'Write', readwrite: 'Readwrite' } as const;

/** Keys of others may be any bytes, so each byte is kept as a character. */
const toRight = ({ permType, key, range_end }: IPermission): Right => ({
  access: ACCESS[permType],
  key: key.toString('latin1'),
  end: range_end.length === 0 ? null : range_end.toString('latin1'),
});

const toPermission = ({ access, key, end }: Right): IPermission => ({
  permType: PERMISSION[access],
  key: Buffer.from(key, 'latin1'),
  range_end: Buffer.from(end ?? '', 'latin1'),
});
