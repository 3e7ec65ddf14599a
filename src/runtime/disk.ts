/**
 * The file system: the calls of node:fs/promises that waymark uses. All of them throw the system's error, with its
 * `code` (ENOENT, EEXIST, ENOSPC, EIO, …).
 */
export type Disk = {
  /** @param permissions of the file, if this creates it. */
  open(path: string, mode: OpenMode, permissions?: number): Promise<OpenFile>;
  readFile(path: string): Promise<Buffer>;
  /** Creates and writes a file. EEXIST if there is one. */
  writeNewFile(path: string, content: string, permissions: number): Promise<void>;
  /** Puts a file in the place of another one, in one step. */
  rename(from: string, to: string): Promise<void>;
  /** Gives a file a second name. EEXIST if the name is taken. */
  link(path: string, name: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Copies a file. The copy may share the original's blocks. Overwrites what is at `to`. */
  copyFile(from: string, to: string): Promise<void>;
  /** Creates a folder, and the folders above it. No error if it exists. */
  makeFolder(path: string, permissions: number): Promise<void>;
  /** Lists the content of a folder. */
  list(path: string): Promise<readonly Entry[]>;
  /** Follows links. */
  status(path: string): Promise<FileStatus>;
  /** Checks that this process may access the path in that way. Throws if not. */
  requireAccess(path: string, access: Access): Promise<void>;
  /** Returns the path without links in it. */
  realPath(path: string): Promise<string>;
  /** Returns the target of a symbolic link. */
  readLink(path: string): Promise<string>;
  /** Sets the time at which a file was changed: milliseconds since 1970. */
  touch(path: string, epochMs: number): Promise<void>;
};

/**
 * How to open a file.
 * - `read`: a file or folder that exists.
 * - `change`: a file that exists, to read and write.
 * - `create`: a new file, to read and write. EEXIST if there is one.
 * - `append`: like `change`, but each write goes to the end, wherever that is by then.
 * - `append-or-create`: like `append`, but creates the file if it is missing.
 */
export type OpenMode = 'read' | 'change' | 'create' | 'append' | 'append-or-create';

/** `change-file`: read and write the file. `change-folder`: write to the folder, and reach what is in it. */
export type Access = 'change-file' | 'change-folder';

/** A file or folder in a folder. */
export type Entry = { readonly name: string; readonly kind: FileKind };

/** `other`: a link, a socket, a device or a pipe. */
export type FileKind = 'file' | 'folder' | 'other';

/** What the system knows of a file. */
export type FileStatus = {
  readonly kind: FileKind;
  /** The file system, and the file's number there, as decimal digits. Together they tell files apart. */
  readonly device: string;
  readonly inode: string;
  /** In bytes. */
  readonly size: number;
  /** The number of names. 0 if the file was deleted while it is open. */
  readonly links: number;
  /** The owner's user id. */
  readonly owner: number;
  /** When it was last changed: milliseconds since 1970. */
  readonly changedMs: number;
};

/** An open file, or a folder that is open to be synced. */
export type OpenFile = {
  status(): Promise<FileStatus>;
  /** Reads up to `length` bytes from a position on. Reads 0 bytes at the end of the file. */
  read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
  /** Writes some or all of the bytes, after the last write or at a position. */
  write(
    buffer: Buffer,
    offset: number,
    length: number,
    position?: number,
  ): Promise<{ readonly bytesWritten: number }>;
  /** Reads the whole file. Call it before any other read or write. */
  readFile(): Promise<Buffer>;
  /** Writes the whole content. Call it before any other read or write. */
  writeFile(content: Buffer | string): Promise<void>;
  truncate(bytes: number): Promise<void>;
  /** Resolves when the content and everything known of the file is on the disk. */
  sync(): Promise<void>;
  /** Resolves when the content is on the disk. */
  datasync(): Promise<void>;
  close(): Promise<void>;
};
