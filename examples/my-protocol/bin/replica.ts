import { addProtocol, replica } from "oskr";
import { chain } from "../chain.ts";

addProtocol("chain", chain);
await replica();
