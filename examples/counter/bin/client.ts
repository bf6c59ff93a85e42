import { addApp, client } from "oskr";
import { counter } from "../counter.ts";

addApp("counter", counter);
await client();
