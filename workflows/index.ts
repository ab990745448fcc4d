export { downloadWave } from './download-wave.ts';
export { keepContainer } from './keep-container.ts';
export { upgradeChain } from './upgrade-chain.ts';
export { upgradeContainer } from './upgrade-container.ts';
export { upgradeFleet } from './upgrade-fleet.ts';
export { upgradeService } from './upgrade-service.ts';
export { upgradeUnit } from './upgrade-unit.ts';
export { upgradeWave } from './upgrade-wave.ts';
