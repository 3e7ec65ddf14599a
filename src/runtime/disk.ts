/**
 * Files, as node:fs/promises has them, as far as they are used here. All calls throw the system's error, with its `code`
 * (ENOENT, EEXIST, ENOSPC, EIO, …).
 */
export type Disk = {
  /** @param permissions of a file that it makes. */
  open(path: string, mode: OpenMode, permissions?: number): Promise<OpenFile>;
  readFile(path: string): Promise<Buffer>;
  /** Writes a file that must not be there (EEXIST). */
  writeNewFile(path: string, content: string, permissions: number): Promise<void>;
  /** Puts a file in another's place, in one step. */
  rename(from: string, to: string): Promise<void>;
  /** Gives a file another name; EEXIST when there is one. */
  link(path: string, name: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** A copy that may share the original's blocks; what is in its place is overwritten. */
  copyFile(from: string, to: string): Promise<void>;
  /** Makes a folder, and those that it is in; no error when it is there. */
  makeFolder(path: string, permissions: number): Promise<void>;
  /** What is in a folder. */
  list(path: string): Promise<readonly Entry[]>;
  /** Links are followed. */
  status(path: string): Promise<FileStatus>;
  /** Whether this process may do that with it: an error if not. */
  requireAccess(path: string, access: Access): Promise<void>;
  /** The path without links in it. */
  realPath(path: string): Promise<string>;
  /** What a symbolic link says. */
  readLink(path: string): Promise<string>;
  /** Says that a file was changed at that moment: milliseconds since 1970. */
  touch(path: string, epochMs: number): Promise<void>;
};

/**
 * - `read`: a file or a folder that is there.
 * - `change`: a file that is there, to be read and written.
 * - `create`: a file that must not be there (EEXIST), to be read and written.
 * - `append`: as `change`, and each write goes to the end, wherever that is by then.
 * - `append-or-create`: the same, and it is made where it is missing.
 */
export type OpenMode = 'read' | 'change' | 'create' | 'append' | 'append-or-create';

/** A file may be read and written; a folder may be written, and gone through to what is in it. */
export type Access = 'change-file' | 'change-folder';

export type Entry = { readonly name: string; readonly kind: FileKind };

export type FileKind = 'file' | 'folder' | 'other';

export type FileStatus = {
  readonly kind: FileKind;
  /** The file system that it is in, and its number there: together they tell files apart. Decimal digits. */
  readonly device: string;
  readonly inode: string;
  /** Bytes. */
  readonly size: number;
  /** Names that it has: 0 when it was deleted, and is open still. */
  readonly links: number;
  /** The user id of who owns it. */
  readonly owner: number;
  /** When it was changed: milliseconds since 1970. */
  readonly changedMs: number;
};

/** A file that is open, or a folder that is to be synced. */
export type OpenFile = {
  status(): Promise<FileStatus>;
  /** Reads up to so many bytes from a position on; 0 at the file's end. */
  read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
  /** Writes some of the bytes, or all, behind what was written before or at a position. */
  write(
    buffer: Buffer,
    offset: number,
    length: number,
    position?: number,
  ): Promise<{ readonly bytesWritten: number }>;
  /** All of it: to be asked before anything else has been read or written. */
  readFile(): Promise<Buffer>;
  /** Writes all of that; as `readFile`. */
  writeFile(content: Buffer | string): Promise<void>;
  truncate(bytes: number): Promise<void>;
  /** Resolves when the disk has what was written, and all that is known of the file. */
  sync(): Promise<void>;
  /** The same, of what was written alone. */
  datasync(): Promise<void>;
  close(): Promise<void>;
};
