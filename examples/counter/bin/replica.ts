import { addApp, replica } from "oskr";
import { counter } from "../counter.ts";

addApp("counter", counter);
await replica();
