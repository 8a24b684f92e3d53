// What only the page to type a function in has: its card, and the arrays that rules compute with.

import * as nd from "./nd";
import { Workshop } from "./workshop";

Object.assign(globalThis, { nd, chainruleWorkshop: Workshop });
