#!/usr/bin/env node
// Runs the command line straight from the TypeScript sources, so that a checkout needs no build step.
import { register } from 'tsx/esm/api';

register();
await import('../client/cli/main.ts');
