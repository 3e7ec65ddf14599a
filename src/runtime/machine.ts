/** The machine and its processes. */
export type Machine = {
  /** The machine's host name. */
  readonly name: string;
  /** The id of this process. */
  readonly pid: number;
  /** Whether a process with that id exists, of this user or another one. */
  hasProcess(pid: number): boolean;
};
