// @ts-check
/** Checks of values at run time, and how they are put together, for messages, files and what is kept. */

/** @typedef {(value: unknown) => boolean} Check */

/** @type {Check} */
export const isString = (value) => typeof value === 'string';
/** @type {Check} */
export const isSecret = (value) => typeof value === 'string' && /^[\w-]{22,64}$/.test(value);
/** @type {Check} */
export const isBoolean = (value) => typeof value === 'boolean';
/** @type {Check} */
export const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);
/** @type {Check} */
export const isColour = (value) => typeof value === 'string' && /^#[0-9a-f]{6}$/i.test(value);
/** @type {Check} */
export const isAspect = (value) => typeof value === 'string' && /^(picture|1:1|16:9|9:16|\d{2,4}x\d{2,4})$/.test(value);
/** @type {Check} */
export const isWho = (value) => typeof value === 'string' && /^(largest|left|right|[1-9])$/.test(value);
/** @type {Check} */
export const isActName = (value) => typeof value === 'string' && /^[a-z0-9-]{1,32}$/.test(value);
/** @type {Check} */
export const isMoodText = (value) => typeof value === 'string' && [...value].length <= 200;
/** @type {Check} */
export const isPerson = (value) => typeof value === 'string' && /^(all|largest|left|right|[1-9][0-9]?)$/.test(value);
/** @param {number} low @param {number} high @returns {Check} */
export const within = (low, high) => (value) => isNumber(value) && Number(value) >= low && Number(value) <= high;
/** @param {...unknown} values @returns {Check} */
export const oneOf = (...values) => (value) => values.includes(value);
/** @param {Check} check @returns {Check} */
export const orNull = (check) => (value) => value === null || check(value);
/** @param {Check} check @returns {Check} */
export const optional = (check) => (value) => value === undefined || check(value);
/** @param {Check} check @returns {Check} */
export const listOf = (check) => (value) => Array.isArray(value) && value.every(check);
/** @param {unknown} value @returns {value is Record<string, unknown>} */
export const isRecord = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
/** @type {Check} */
export const isHead = (value) => Array.isArray(value) && value.length === 4 && value.every(isNumber);
/** @param {Check} check @returns {Check} */
export const mapOf = (check) => (value) => isRecord(value) && Object.values(value).every(check);
/** @param {Record<string, Check>} fields @returns {Check} */
export const shape = (fields) => (value) => isRecord(value) && Object.keys(fields).every((name) => fields[name](value[name]));
