import type { ProtocolOption } from "../../protocol-config.ts";

/** Views that a leader stays with `--leader fixed`, if it does not fail. */
const FIXED_TENURE = 2 ** 20;

/** Of protocols in which each view may have another leader. */
export const leader: ProtocolOption = {
  values: ["fixed", "rotate"],
  description: "keep a leader until it fails, another each view, or a recent signer",
  configure: (value, config) => {
    const tenure = value === "fixed" ? FIXED_TENURE : 1;
    return { ...config, tenure, leader: (view) => Math.floor(view / tenure) % config.n };
  },
};
