/**
 * The fuzzer's native part is built against glibc 2.38. An older one (Debian 12 has 2.36) has all that it needs, but not
 * under those versions: two number parsers that only read binary literals beside what the old ones read, and a symbol
 * without a use. Loaded before the fuzzer (`node --import`), this loads an adapted copy there, and changes nothing elsewhere.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const TOO_NEW = new Set(['GLIBC_2.38', 'GLIBCXX_3.4.32']);
const CACHE = path.resolve(import.meta.dirname, '../../node_modules/.cache/fuzz');

const original = process.dlopen.bind(process);
process.dlopen = (module: object, file: string, ...flags: number[]) => {
  const open = original as (...parameters: unknown[]) => void;
  try {
    open(module, file, ...flags);
  } catch (error) {
    const isTooNew = [...TOO_NEW].some((version) => String(error).includes(version));
    if (!isTooNew || !path.basename(file).startsWith('fuzzer-linux-')) throw error;
    open(module, adaptedCopy(file), ...flags);
  }
};

function adaptedCopy(file: string): string {
  const copy = path.join(CACHE, path.basename(file));
  if (!existsSync(copy)) {
    mkdirSync(CACHE, { recursive: true });
    const draft = `${copy}.${process.pid}`;
    writeFileSync(draft, adapted(readFileSync(file)));
    renameSync(draft, copy);
  }
  return copy;
}

interface Section {
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

// Section types, and what marks a weak version and a weak symbol (System V gABI; Linux Standard Base, symbol versions).
const DYNSYM = 11;
const VERNEED = 0x6ffffffe;
const VERSYM = 0x6fffffff;
const VERSION_WEAK = 2;
const BIND_WEAK = 2 << 4;
const ANY_VERSION = 1;
const SYMBOL_BYTES = 24;

/** A 64-bit little-endian ELF library that asks for no version which is too new. */
function adapted(elf: Buffer): Buffer {
  const sections = sectionsOf(elf);
  const [symbols, needed, versions] = [DYNSYM, VERNEED, VERSYM].map(
    (type) => sections.get(type)!,
  ) as [Section, Section, Section];
  const strings = sectionAt(elf, symbols.link);
  const textAt = (offset: number): string =>
    elf.toString('latin1', strings.offset + offset, elf.indexOf(0, strings.offset + offset));

  // The needed versions: a list of libraries, each with a list of versions.
  const given = new Set<number>();
  for (let library = needed.offset, next = 1; next !== 0; library += next) {
    let version = library + elf.readUInt32LE(library + 8);
    for (let left = elf.readUInt16LE(library + 2); left > 0; left--) {
      if (TOO_NEW.has(textAt(elf.readUInt32LE(version + 8)))) {
        elf.writeUInt16LE(elf.readUInt16LE(version + 4) | VERSION_WEAK, version + 4);
        given.add(elf.readUInt16LE(version + 6));
      }
      version += elf.readUInt32LE(version + 12);
    }
    next = elf.readUInt32LE(library + 12);
  }
  for (let index = 0; index * SYMBOL_BYTES < symbols.size; index++) {
    const version = versions.offset + 2 * index;
    if (!given.has(elf.readUInt16LE(version) & 0x7fff)) continue;
    const symbol = symbols.offset + SYMBOL_BYTES * index;
    const name = elf.readUInt32LE(symbol);
    const prefix = '__isoc23_';
    // The old name is the end of the new one.
    if (textAt(name).startsWith(prefix)) elf.writeUInt32LE(name + prefix.length, symbol);
    else elf[symbol + 4] = BIND_WEAK | (elf[symbol + 4]! & 0x0f);
    elf.writeUInt16LE(ANY_VERSION, version);
  }
  return elf;
}

function sectionAt(elf: Buffer, index: number): Section {
  const at = Number(elf.readBigUInt64LE(0x28)) + index * elf.readUInt16LE(0x3a);
  const offset = Number(elf.readBigUInt64LE(at + 0x18));
  return {
    offset,
    size: Number(elf.readBigUInt64LE(at + 0x20)),
    link: elf.readUInt32LE(at + 0x28),
  };
}

/** Sections by their type; those that matter exist once. */
function sectionsOf(elf: Buffer): Map<number, Section> {
  const start = Number(elf.readBigUInt64LE(0x28));
  const [size, count] = [elf.readUInt16LE(0x3a), elf.readUInt16LE(0x3c)];
  return new Map(
    Array.from({ length: count }, (_, index) => [
      elf.readUInt32LE(start + index * size + 4),
      sectionAt(elf, index),
    ]),
  );
}
