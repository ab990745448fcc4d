import { z } from 'zod';
import type { ContainerState, ContainerSummary, EngineInfo } from '../../model/engine.ts';

/** What is read of the engine's answers; everything else in them is ignored. */
const labels = z
  .record(z.string(), z.string())
  .nullish()
  .transform((found) => found ?? {});

const info = z
  .object({
    ID: z.string(),
    Name: z.string(),
    ServerVersion: z.string(),
    Architecture: z.string(),
    KernelVersion: z.string(),
    DockerRootDir: z.string(),
    Driver: z.string(),
    Containers: z.number(),
    ContainersRunning: z.number(),
  })
  .transform((found): EngineInfo => ({
    id: found.ID,
    name: found.Name,
    version: found.ServerVersion,
    architecture: found.Architecture,
    kernel: found.KernelVersion,
    rootDir: found.DockerRootDir,
    storageDriver: found.Driver,
    containers: found.Containers,
    running: found.ContainersRunning,
  }));

const summary = z
  .object({
    Id: z.string(),
    Names: z.array(z.string()).nullish(),
    Image: z.string(),
    ImageID: z.string(),
    State: z.string(),
    Labels: labels,
  })
  .transform((found): ContainerSummary => ({
    id: found.Id,
    name: (found.Names?.[0] ?? '').replace(/^\//, ''),
    image: found.Image,
    imageId: found.ImageID,
    running: found.State === 'running',
    labels: found.Labels,
  }));

const state = z
  .looseObject({
    Id: z.string(),
    Name: z.string(),
    Image: z.string(),
    State: z.object({
      Status: z.string(),
      Running: z.boolean(),
      ExitCode: z.number(),
      StartedAt: z.string(),
      Health: z.object({ Status: z.enum(['none', 'starting', 'healthy', 'unhealthy']) }).nullish(),
    }),
    Config: z.looseObject({ Image: z.string(), Labels: labels }),
    HostConfig: z.looseObject({ RestartPolicy: z.object({ Name: z.string() }) }),
  })
  .transform((found): ContainerState => ({
    id: found.Id,
    name: found.Name.replace(/^\//, ''),
    image: found.Config.Image,
    imageId: found.Image,
    running: found.State.Running,
    labels: found.Config.Labels,
    status: found.State.Status,
    exitCode: found.State.ExitCode,
    health: found.State.Health?.Status ?? 'none',
    restartPolicy: found.HostConfig.RestartPolicy.Name || 'no',
    startedAt: found.State.StartedAt,
    raw: found,
  }));

export const readInfo = (answer: unknown): EngineInfo => info.parse(answer);
export const readSummaries = (answer: unknown): readonly ContainerSummary[] => z.array(summary).parse(answer);
export const readState = (answer: unknown): ContainerState => state.parse(answer);
export const readId = (answer: unknown): string => z.object({ Id: z.string() }).parse(answer).Id;
