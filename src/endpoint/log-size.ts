// How large an endpoint's endpoint.log gets, and how many older ones stay beside it.

export const LOG_BYTES_MAX = 20 * 1024 * 1024;
export const LOG_GENERATIONS = 5;
