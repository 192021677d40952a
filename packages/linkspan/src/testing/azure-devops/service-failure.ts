/** A request that the service refuses, in the shape in which Azure DevOps says so. */
export class ServiceFailure extends Error {
  readonly status: number
  readonly typeKey: string
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    typeKey: string,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message)
    this.name = 'ServiceFailure'
    this.status = status
    this.typeKey = typeKey
    this.headers = headers
  }
}

/** Ends the request with an error of the service. */
export function refuse(
  status: number,
  typeKey: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): never {
  throw new ServiceFailure(status, typeKey, message, headers)
}

/** Ends a request whose arguments make no sense. */
export function badRequest(message: string, typeKey = 'VssPropertyValidationException'): never {
  return refuse(400, typeKey, message)
}

/** The body of an error: Azure DevOps wraps exceptions of its .NET services. */
export function failureBody({ message, typeKey }: Pick<ServiceFailure, 'message' | 'typeKey'>): object {
  return {
    $id: '1',
    innerException: null,
    message,
    typeName: `Microsoft.VisualStudio.Services.${typeKey}, Microsoft.VisualStudio.Services.WebApi`,
    typeKey,
    errorCode: 0,
    eventId: 3000,
  }
}
