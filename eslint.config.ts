import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import globals from 'globals';
import tseslint from 'typescript-eslint';

/** What a folder may not import (DESIGN.md §2): dependencies point to model/. */
const layers: readonly { readonly files: string; readonly never: readonly string[] }[] = [
  {
    files: 'model/**/*.ts',
    never: ['../*/**', '!../model/**', 'node:*', '@temporalio/*', 'zod', 'dockerode', 'etcd3'],
  },
  {
    files: 'workflows/**/*.ts',
    never: ['**/drivers/**', '**/agent/**', '**/worker/**', '**/client/**', '**/lab/**', 'node:*'],
  },
  {
    files: 'activities/**/*.ts',
    never: ['**/drivers/**', '**/agent/**', '**/worker/**', '**/client/**', '**/lab/**', '@temporalio/workflow'],
  },
  {
    files: 'agent/**/*.ts',
    never: ['@temporalio/*', '**/worker/**', '**/client/**', '**/lab/**', '**/workflows/**', '**/activities/**'],
  },
  {
    files: 'drivers/**/*.ts',
    never: [
      '@temporalio/*',
      '!@temporalio/envconfig',
      '**/worker/**',
      '**/client/**',
      '**/lab/**',
      '**/workflows/**',
      '**/activities/**',
    ],
  },
  { files: 'client/**/*.ts', never: ['**/worker/**', '**/activities/**'] },
  { files: 'lab/**/*.ts', never: ['**/worker/**', '**/activities/**', '**/workflows/**'] },
];

export default defineConfig(
  { ignores: ['node_modules', '.refit', 'dist'] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      globals: globals.node,
      parserOptions: {
        projectService: { allowDefaultProject: ['bin/*.mjs', 'lab/sample/*/*.mjs'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/consistent-type-assertions': ['error', { assertionStyle: 'as' }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_', ignoreRestSiblings: true }],
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 3],
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
    },
  },
  ...layers.map(({ files, never }) => ({
    files: [files],
    rules: { 'no-restricted-imports': restriction(never) },
  })),
  {
    files: ['**/*.ts'],
    ignores: ['drivers/**', 'test/**', 'bench/**'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          paths: ['dockerode', 'etcd3', '@grpc/grpc-js', 'tar-stream'].map((name) => ({
            name,
            message: 'only drivers/ import it',
          })),
        },
      ],
    },
  },
  { files: ['test/**/*.ts', 'bench/**/*.ts'], rules: { 'max-lines-per-function': 'off' } },
  { files: ['*.config.ts'], rules: { 'no-restricted-exports': 'off' } },
  {
    files: ['bin/*.mjs', 'lab/sample/*/*.mjs'],
    extends: [tseslint.configs.disableTypeChecked],
    rules: { '@typescript-eslint/explicit-module-boundary-types': 'off' },
  },
);

function restriction(group: readonly string[]): ['error', { patterns: { group: string[]; message: string }[] }] {
  return ['error', { patterns: [{ group: [...group], message: 'layering: see docs/ARCHITECTURE.md' }] }];
}
