// How what util.inspect shows becomes lines: entries side by side, in columns, or one below the other. Used by
// inspect.js.

import { ANSI, widthOf } from "./quote.js";

// What entries are of: an object, one place of a list, a list.
export const OBJECT = 0;
export const ITEM = 1;
export const LIST = 2;

function groupElements(ctx, output, value) {
  const extra = ctx.maxArrayLength < output.length || output.at(-1)?.startsWith("... ") ? 1 : 0;
  const count = output.length - extra;
  const widths = [];
  let [total, longest] = [0, 0];
  for (let i = 0; i < count; i++) {
    widths[i] = widthOf(output[i]);
    total += widths[i] + 2;
    longest = Math.max(longest, widths[i]);
  }
  const widest = longest + 2;
  if (!(widest * 3 + ctx.indentationLvl < ctx.breakLength && (total / widest > 5 || longest <= 6))) return output;
  const bias = Math.max(widest - 3 - Math.sqrt(widest - total / output.length), 1);
  const columns = Math.min(
    Math.round(Math.sqrt(2.5 * bias * count) / bias),
    Math.floor((ctx.breakLength - ctx.indentationLvl) / widest),
    ctx.compact * 4,
    15,
  );
  if (columns <= 1) return output;
  const sizes = [];
  for (let i = 0; i < columns; i++) {
    let size = 0;
    for (let j = i; j < count; j += columns) size = Math.max(size, widths[j]);
    sizes.push(size + 2);
  }
  let left = true;
  if (value !== undefined) {
    for (let i = 0; i < output.length; i++) {
      if (typeof value[i] !== "number" && typeof value[i] !== "bigint") {
        left = false;
        break;
      }
    }
  }
  const lines = [];
  for (let i = 0; i < count; i += columns) {
    const end = Math.min(i + columns, count);
    let line = "";
    for (let j = i; j < end; j++) {
      const last = j === end - 1;
      const text = last ? output[j] : `${output[j]}, `;
      const size = sizes[j - i] + output[j].length - widths[j] - (last ? 2 : 0);
      line += left ? text.padStart(size) : last ? text : text.padEnd(size);
    }
    lines.push(line);
  }
  if (extra > 0) lines.push(output[count]);
  return lines;
}

function fits(ctx, output, start, base) {
  let total = output.length + start;
  if (total + output.length > ctx.breakLength) return false;
  for (const text of output) {
    total += ctx.colors ? text.replace(ANSI, "").length : text.length;
    if (total > ctx.breakLength) return false;
  }
  return base === "" || !base.includes("\n");
}

export function reduceToSingleString(ctx, output, base, braces, kind, depth, value) {
  if (ctx.compact === true) {
    if (fits(ctx, output, 0, base)) return `${braces[0]}${base ? ` ${base}` : ""} ${output.join(", ")} ${braces[1]}`;
    const indentation = `\n${" ".repeat(ctx.indentationLvl)}`;
    const line = base === "" && braces[0].length === 1 ? " " : `${base ? ` ${base}` : ""}${indentation}  `;
    return `${braces[0]}${line}${output.join(`,${indentation}  `)} ${braces[1]}`;
  }
  const start = base ? `${base} ` : "";
  if (typeof ctx.compact === "number" && ctx.compact >= 1) {
    const entries = output.length;
    if (kind === LIST && entries > 6) output = groupElements(ctx, output, value);
    if (ctx.currentDepth - depth < ctx.compact && entries === output.length) {
      const size = output.length + ctx.indentationLvl + braces[0].length + base.length + 10;
      if (fits(ctx, output, size, base)) {
        const joined = output.join(", ");
        if (!joined.includes("\n")) return `${start}${braces[0]} ${joined} ${braces[1]}`;
      }
    }
  }
  const indentation = `\n${" ".repeat(ctx.indentationLvl)}`;
  return `${start}${braces[0]}${indentation}  ${output.join(`,${indentation}  `)}${indentation}${braces[1]}`;
}
