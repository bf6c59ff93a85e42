// What programs print that others wait for.

/** Said by a replica that asks others for its memory, and says later that it has recovered. */
export const RECOVERING = ", recovering";

/** Said by that replica when it takes part again. */
export const RECOVERED = "recovered";
