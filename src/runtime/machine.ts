/** The machine, and its processes. */
export type Machine = {
  /** The machine's name. */
  readonly name: string;
  /** This process's id. */
  readonly pid: number;
  /** Whether there is a process of that id, be it another user's. */
  hasProcess(pid: number): boolean;
};
