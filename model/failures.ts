/** Types of the ApplicationFailures that cross a border; nothing else is thrown there. */
export const failureTypes = {
  /** The upgrade ended without reaching its release; details: Progress. */
  upgradeFailed: 'UpgradeFailed',
  /** An operator command that makes no sense now. */
  commandRefused: 'CommandRefused',
  /** Another workflow run has taken over the fleet's epoch: this one must not give orders any more. */
  fenced: 'Fenced',
  /** Input that no retry will mend. */
  wrongInput: 'WrongInput',
} as const;

export type FailureType = (typeof failureTypes)[keyof typeof failureTypes];
