/** A service that did not answer: Temporal, a worker, etcd or a registry. Nothing is known to be wrong with the request. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}
