import { z } from 'zod';
import { Manifest } from './manifest-schema.ts';

/** The JSON Schema of release.yaml: what editors complete and check. The build checks more, such as that files are there. */
export const manifestJsonSchema = (): object => z.toJSONSchema(Manifest, { io: 'input' });
