import { LoadBalancerError, type LoadBalancerFailure } from '../../model/load-balancer.ts';
import { askHaproxy, describeBalancer, type Balancer } from './runtime-api.ts';

/** A command that worked says nothing. */
export async function command(balancer: Balancer, asked: string, signal?: AbortSignal): Promise<void> {
  const answer = await askHaproxy(balancer, asked, signal);
  if (answer !== '') throw refusal(balancer, asked, answer);
}

export function refusal(balancer: Balancer, asked: string, answer: string): LoadBalancerError {
  const isMissing = /^(Can't find backend|No such (backend|server)|Unknown map identifier)/.test(answer);
  const [said = ''] = answer.split('\n');
  const level = /permission denied/i.test(said) ? '; its stats socket needs: level admin' : '';
  return failure(balancer, isMissing ? 'notFound' : 'refused', `expected it to do "${asked}", got: ${said}${level}`);
}

export const failure = (balancer: Balancer, kind: LoadBalancerFailure, why: string): LoadBalancerError =>
  new LoadBalancerError(kind, `${describeBalancer(balancer)}: ${why}`);
