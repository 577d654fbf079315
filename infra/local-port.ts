/** Environment variable by which `npm start` gives the app the port of its AWS endpoint. */
export const LOCAL_PORT_VARIABLE = 'STREAMPIXEL_DROP_LOCAL_PORT';

/** Key of CDK's context by which the app gives it to the drop: printed commands act on that endpoint. */
export const LOCAL_PORT_CONTEXT = 'streampixel-drop:local-port';
