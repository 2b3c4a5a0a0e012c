export { ComputeError, type ErrorCode } from '../common/errors.ts';
export type { CommandResult, TaskPlace } from '../common/protocol.ts';
export type { EngineStatus } from '../../engine/engine.ts';
export {
  Executor, type EndpointExecutorOptions, type EngineExecutorOptions, type ExecutorOptions,
} from './executor.ts';
export type { ExecutorStatus, ServiceStatus } from './destination.ts';
export { Submitter } from './submitter.ts';
export type { TaskOptions } from './task-options.ts';
export type { TaskFuture, RanOn, TaskStatus, Timings } from './future.ts';
export {
  command, moduleFunction, registeredFunction, type CommandOptions, type FunctionReference, type RegisteredFunction,
  type TaskFunction,
} from './functions.ts';
export type { MapOptions } from './map.ts';
export {
  Client, type AskOptions, type Call, type ClientOptions, type RegisterOptions, type SubmitOptions,
} from './client.ts';
export type { TaskOutcome } from './wire-format.ts';
export type {
  EndpointState, EndpointSummary, RegisteredEndpoint, ResultStream, StoredFunction, TaskState, UserEndpointSummary,
  UserInfo,
} from './answers.ts';
export type { AuthPolicy, AuthPolicyOptions } from './auth-policies.ts';
