export { downloadWave } from './download-wave.ts';
export { upgradeChain } from './upgrade-chain.ts';
export { upgradeFleet } from './upgrade-fleet.ts';
export { upgradeWave } from './upgrade-wave.ts';
