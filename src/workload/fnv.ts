// The hash of YCSB, which scatters keys: FNV-1a of 64 bits over the eight bytes of a number, the
// lowest first, and of that the absolute value. In two halves of 32 bits, because BigInt takes
// twenty times as long.

const TWO_32 = 0x1_0000_0000;
/** 0xcbf29ce484222325. */
const OFFSET_HIGH = 0xcbf29ce4;
const OFFSET_LOW = 0x84222325;
/** The prime is 2^40 and this. */
const PRIME_LOW = 0x1b3;

/** A whole number from 0 to 2^63, in two halves, both unsigned. */
export interface Hash {
  readonly high: number;
  readonly low: number;
}

/** Of a whole number from 0 to 2^53. */
export function fnvHash64(value: number): Hash {
  let high = OFFSET_HIGH;
  let low = OFFSET_LOW;
  let rest = value;
  for (let i = 0; i < 8; i++) {
    const octet = rest % 256;
    rest = Math.floor(rest / 256);
    low = (low ^ octet) >>> 0;
    const product = low * PRIME_LOW;
    const carry = Math.floor(product / TWO_32);
    // What is shifted by 40 bits adds to the high half only.
    high = (Math.imul(high, PRIME_LOW) + carry + (low << 8)) >>> 0;
    low = product >>> 0;
  }
  return high >= 0x8000_0000 ? negated(high, low) : { high, low };
}

function negated(high: number, low: number): Hash {
  const negativeLow = (TWO_32 - low) % TWO_32;
  const borrow = low === 0 ? 0 : 1;
  return { high: (TWO_32 - high - borrow) >>> 0, low: negativeLow };
}

/** The rest of a division by a whole number below 2^53. */
export function remainder({ high, low }: Hash, divisor: number): number {
  // Below 2^53 as long as the divisor is below 2^21.
  if (divisor < 0x20_0000) return ((high % divisor) * TWO_32 + low) % divisor;
  return Number(bigintOf({ high, low }) % BigInt(divisor));
}

export function bigintOf({ high, low }: Hash): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}
