// A machine of its own for a test of set-up: an empty home, an empty PATH, tools that are three-line scripts, no network.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { deflateRawSync } from 'node:zlib';

export interface Machine {
  folder: string;
  bin: string;
  home: string;
  env: Record<string, string>;
  remove: () => void;
}

export function makeMachine(): Machine {
  const folder = mkdtempSync(join(tmpdir(), 'surety-setup-'));
  const [bin, home] = [join(folder, 'bin'), join(folder, 'home')];
  mkdirSync(bin);
  mkdirSync(home);
  const remove = (): void => {
    rmSync(folder, { recursive: true, force: true });
  };
  return { folder, bin, home, env: { PATH: bin, HOME: home }, remove };
}

/** Writes an executable shell script and answers its path. */
export function makeTool(path: string, script: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

export const temporalOf = (server: string): string => `echo "temporal version 1.9.1 (Server ${server}, UI 2.54.1)"`;
export const chromiumOf = (version: string): string => `echo "Chromium ${version} built on Debian"`;

/** A zip of one deflated file, as PyPI's wheels are. */
export function zipOf(name: string, content: string): Buffer {
  const [nameBytes, plain] = [Buffer.from(name), Buffer.from(content)];
  const packed = deflateRawSync(plain);
  const sizes = Buffer.alloc(12);
  sizes.writeUInt32LE(packed.length, 4);
  sizes.writeUInt32LE(plain.length, 8);
  const method = Buffer.from([8, 0, 0, 0, 0, 0]);
  const nameLength = Buffer.from([nameBytes.length, 0, 0, 0]);
  const local = Buffer.concat([
    Buffer.from([0x50, 0x4b, 3, 4, 20, 0, 0, 0]),
    method,
    sizes,
    nameLength,
    nameBytes,
    packed,
  ]);
  const entry = Buffer.concat([
    Buffer.from([0x50, 0x4b, 1, 2, 20, 0, 20, 0, 0, 0]),
    method,
    sizes,
    nameLength,
    Buffer.alloc(14),
    nameBytes,
  ]);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(entry.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, entry, end]);
}
