/** Takes a sample now and then until it is stopped. */
export const sampler = (sample: () => number, everyMs: number): { readonly stop: () => number[] } => {
  const samples = [sample()]
  const timer = setInterval(() => samples.push(sample()), everyMs)
  return {
    stop: () => {
      clearInterval(timer)
      return samples
    },
  }
}
