// How long packets may be: the MTU is what one holds behind the Ethernet header.

/** What every network carries; the default. */
export const MTU_DEFAULT = 1500;
/** Of networks with jumbo frames: OSKR_MTU_MAX of csrc/oskr_dpdk.h. */
export const FRAME_MTU_MAX = 9000;
/** Of the loopback interface: OSKR_UDP_MTU_MAX of csrc/oskr_native.h. */
export const UDP_MTU_MAX = 65_535;
