/** A model's file is missing, cut or of another kind. */
export class ModelError extends Error {
  readonly kind = "config";
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ModelError";
  }
}
