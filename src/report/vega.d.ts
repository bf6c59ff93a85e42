import "vega";

declare module "vega" {
  /** How wide Vega takes a text to be; its types leave this export out. */
  export const textMetrics: {
    width: (item: { readonly fontSize?: number }, text: string) => number;
  };
}
