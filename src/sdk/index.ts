export { ComputeError, type ErrorCode } from '../common/errors.ts';
export type { CommandResult, TaskPlace } from '../common/protocol.ts';
export type { EngineStatus } from '../../engine/engine.ts';
export { Executor, Submitter, type ExecutorOptions, type TaskOptions } from './executor.ts';
export { TaskFuture, type RanOn, type TaskStatus, type Timings } from './future.ts';
export {
  command, moduleFunction, type CommandOptions, type FunctionReference, type TaskFunction,
} from './functions.ts';
export type { MapOptions } from './map.ts';
