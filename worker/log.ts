import { Runtime, type LogLevel, type Logger } from '@temporalio/worker';
import { pino, type Logger as PinoLogger } from 'pino';

/** JSON lines on standard output; REFIT_LOG_LEVEL is one of pino's levels. */
export function createLog(env: NodeJS.ProcessEnv = process.env): PinoLogger {
  return pino({
    level: env['REFIT_LOG_LEVEL'] ?? 'info',
    base: null,
    redact: { paths: ['taskToken'], remove: true },
    timestamp: pino.stdTimeFunctions.isoTime,
    // The SDK puts errors here; as plain objects they would say nothing.
    serializers: { error: describeError },
  });
}

/** The SDK's own messages, and those of workflows and activities, go to the same log. To be called before any connection. */
export function installRuntime(log: PinoLogger): void {
  Runtime.install({
    logger: toTemporalLogger(log),
    telemetryOptions: { logging: { forward: {}, filter: { core: 'WARN', other: 'WARN' } } },
    // main drains the worker itself, so that it can say so.
    shutdownSignals: [],
  });
}

const levels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

function toTemporalLogger(log: PinoLogger): Logger {
  const at = (level: LogLevel) => (message: string, meta?: object) => log[levels[level]](meta ?? {}, message);
  return {
    log: (level, message, meta) => at(level)(message, meta),
    trace: at('TRACE'),
    debug: at('DEBUG'),
    info: at('INFO'),
    warn: at('WARN'),
    error: at('ERROR'),
  };
}

const describeError = (error: unknown): unknown =>
  error instanceof Error ? pino.stdSerializers.errWithCause(error) : error;
