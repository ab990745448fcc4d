import { z } from 'zod';
import type { ContainerProgress } from '../../model/container-upgrade.ts';
import type { ServiceProgress } from '../../model/service.ts';
import { containerUpgradeSchema } from '../api/schemas/container.ts';
import { serviceUpgradeSchema } from '../api/schemas/service.ts';

/** A container's upgrade as programs read it, here and from the API: the model's fields, every time as ISO 8601. */
export const containerDocument = (progress: ContainerProgress): unknown => z.encode(containerUpgradeSchema, progress);

/** The same of a service's. */
export const serviceDocument = (progress: ServiceProgress): unknown => z.encode(serviceUpgradeSchema, progress);
