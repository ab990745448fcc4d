import { EngineError, type ContainerEngine } from '../../model/engine.ts';

const away = (): Promise<never> => Promise.reject(new EngineError('refused', 'no engine in this test'));

/** For hosts whose releases have no container step. */
export const noEngine: ContainerEngine = {
  imagePresent: away,
  inspectContainer: away,
  createContainer: away,
  startContainer: away,
  stopContainer: away,
  renameContainer: away,
  removeContainer: away,
  setRestartPolicy: away,
};
