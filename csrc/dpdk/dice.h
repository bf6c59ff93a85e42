// Random numbers of the fabric's faults: of one seed the same ones in the same order.
#ifndef OSKR_DICE_H
#define OSKR_DICE_H

#include <stdint.h>

// The seed, then what was drawn of it.
static uint64_t dice;

// splitmix64.
static uint64_t next_random(void) {
  uint64_t z = (dice += 0x9e3779b97f4a7c15ull);
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ z >> 27) * 0x94d049bb133111ebull;
  return z ^ z >> 31;
}

static double next_fraction(void) { return (double)(next_random() >> 11) * 0x1p-53; }

// Draws only if the fault is switched on, so that the others' dice stay as they were.
static int happens(double rate) { return rate > 0 && next_fraction() < rate; }

#endif
