// @ts-check
/** Whether the system asks for little motion on the screen. */

export const FEWER_MS = 500; // between two updates of what moves all the time, where little motion is wanted

export const wantsLittleMotion = () => matchMedia('(prefers-reduced-motion: reduce)').matches;
