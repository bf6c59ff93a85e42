import { addProtocol, client } from "oskr";
import { chain } from "../chain.ts";

addProtocol("chain", chain);
await client();
