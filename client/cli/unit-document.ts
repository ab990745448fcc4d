import { z } from 'zod';
import type { UnitProgress } from '../../model/unit-upgrade.ts';
import { unitUpgradeSchema } from '../api/schemas/unit.ts';

/** A unit's upgrade as programs read it, here and from the API: the model's fields, every time as ISO 8601. */
export const unitDocument = (progress: UnitProgress): unknown => z.encode(unitUpgradeSchema, progress);
