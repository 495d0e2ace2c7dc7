/**
 * Which process of this machine holds the other end of a loopback connection (Linux: /proc/net/tcp names
 * the socket, /proc/<pid>/fd who has it open), and its end by `kill -9`.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Socket } from 'node:net';

/** Ends the process at the other end of a connection. Throws where none is found. */
export function killOwner(socket: Socket): void {
  const pid = ownerOf(socket.remotePort!);
  if (pid === undefined) throw new Error(`nobody holds port ${socket.remotePort}`);
  process.kill(pid, 'SIGKILL');
}

/** The process whose connection comes from this local port. */
function ownerOf(port: number): number | undefined {
  const wanted = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const row = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .find(([, local]) => local === wanted);
  const inode = row?.[9];
  if (!inode) return undefined;
  const link = `socket:[${inode}]`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .find((pid) => filesOf(pid).includes(link));
}

function filesOf(pid: number): string[] {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).map((name) => {
      try {
        return readlinkSync(`${folder}/${name}`);
      } catch {
        return '';
      }
    });
  } catch {
    // It has ended, or is another user's.
    return [];
  }
}
