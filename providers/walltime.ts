import { ComputeError } from '../src/common/errors.ts';

const FORMS = '"HH:MM:SS", "D-HH:MM:SS", "HH:MM", "1h30m" or a number of seconds';
/** No scheduler gives out more; a number past it was not meant as seconds. */
const WALLTIME_S_MAX = 366 * 86_400;

/**
 * A walltime as people and YAML write it, in seconds. YAML 1.1 turns 1:30:00 without quotes into 5400 and leaves
 * 00:30:00 a text, so both come. Two places are hours and minutes, as the schedulers' own HH:MM:SS cut short; what
 * YAML makes of them without quotes (1:30 → 90) cannot be told from seconds and is taken for seconds.
 */
export function parseWalltime(value: unknown, key = 'walltime'): number {
  const seconds = typeof value === 'number' ? value : typeof value === 'string' ? readText(value.trim()) : undefined;
  if (seconds === undefined || !Number.isFinite(seconds)) throw wrong(key, value, `expected ${FORMS}`);
  if (seconds < 1 || seconds > WALLTIME_S_MAX) throw wrong(key, value, 'must be from one second to 366 days');
  return Math.ceil(seconds);
}

function readText(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text);
  // 1-12 has days and hours; 1h30m and ISO 8601's PT1H30M have units.
  const parts = /^(?:(\d+)-)?(\d+):([0-5]\d)(?::([0-5]\d))?$/.exec(text) ?? /^(\d+)-(\d+)$/.exec(text)
    ?? /^P?(?=.*\d)(?:(\d+)d)?t?(?:(\d+)h)?(?:(\d+)m(?:in)?)?(?:(\d+)s)?$/i.exec(text.replaceAll(' ', ''));
  if (parts === null) return undefined;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = parts.slice(1).map((part) => Number(part ?? 0));
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
}

/** Seconds → "HH:MM:SS", hours past 99 as they are. */
export function formatWalltime(seconds: number): string {
  const whole = Math.ceil(seconds);
  const places = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return places.map((place) => String(place).padStart(2, '0')).join(':');
}

function wrong(key: string, value: unknown, why: string): ComputeError {
  return new ComputeError('CONFIG_INVALID', `${key}: ${why}, found ${JSON.stringify(value) ?? 'nothing'}`);
}
