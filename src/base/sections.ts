// What a polling thread can be about, by number. It writes the number into a word when it begins
// with something else, so that a profiler that looks now and then (csrc/profile.c) knows where the
// time goes. A plain store each time: what is told by calls around calls costs a tenth of the
// throughput, since the compiler of Bun merges only a few of them into one.

export const OTHER = 0;
/** Polling the transport. */
export const RECEIVE = 1;
export const DECODE = 2;
/** Handing checks and signatures to the stage, and collecting what is done. */
export const CHECK = 3;
/** Inside an actor. */
export const PROTOCOL = 4;
export const ENCODE = 5;
export const SEND = 6;
/** Running a signature job on this thread. */
export const HELP = 7;
export const IDLE = 8;

/** Index of the word that has the number. */
export const SECTION = 0;
